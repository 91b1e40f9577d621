"""`python -m tests.common_words` writes web/passwords/common_words.txt: what people take when they are asked for a password.

Words written by hand, in both languages; walks over the rows and columns of three keyboards, made here. What is made *of*
these (twice the same, two of them, digits and signs around, signs for letters) is recognised by web/passwords/common.py.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from web.passwords.common import WORDS

BY_HAND = """
password passwords passwort motdepasse mdp pass passe passphrase passcode secret secrets secure security securite
letmein let me in welcome bienvenue login logon signin admin administrator administrateur root user utilisateur
username guest invite owner proprietaire master maitre default changeme change please temp temporary test tests
testing demo example exemple sample qwerty azerty qwertz abc abcd abcde abcdef abcdefg abcdefgh computer ordinateur
laptop server serveur internet wifi network reseau router freebox livebox google facebook twitter youtube amazon
microsoft windows apple iphone android samsung nokia linux ubuntu debian github python java script hacker matrix
system systeme access acces private prive personal key keys unlock open opensesame sesame sesameouvretoi code pincode
number nothing rien none null undefined unknown inconnu iloveyou iloveu loveyou lovely love lover lovers loveme
forever always together jetaime jetadore monamour amour coeur toujours pourtoujours cheri cherie chouchou doudou bebe
baby babygirl babyboy princess princesse prince queen king reine roi angel ange angels heaven paradise paradis god
dieu jesus jesuschrist christ mary marie blessed faith hope grace peace paix sunshine soleil sun moon lune star stars
etoile sky ciel rainbow arcenciel ocean river riviere mountain montagne forest foret flower fleur flowers rose rosebud
lily daisy violet jasmine spring summer autumn fall winter printemps ete automne hiver january february march april
may june july august september october november december janvier fevrier mars avril mai juin juillet aout septembre
octobre novembre decembre monday tuesday wednesday thursday friday saturday sunday lundi mardi mercredi jeudi vendredi
samedi dimanche today tomorrow morning night nuit jour dragon monkey shadow tiger lion eagle falcon wolf bear panda
rabbit lapin bunny kitten kitty cat chat dog chien puppy doggy horse cheval pony dolphin dauphin shark spider snake
turtle butterfly papillon bird oiseau chicken poulet duck canard frog mouse souris hamster squirrel fox renard panther
leopard jaguar cobra phoenix unicorn licorne dinosaur wolverine pigeon football soccer baseball basketball hockey
tennis rugby golf cricket swimming running cycling velo ski surf judo karate boxing yankees lakers cowboys steelers
packers eagles patriots redsox chelsea arsenal liverpool manchester united barcelona realmadrid juventus bayern ajax
marseille paris psg lyon stetienne champion champions winner gagnant victory victoire player superman batman spiderman
ironman starwars skywalker darthvader yoda jedi startrek enterprise pokemon pikachu mario luigi zelda sonic minecraft
fortnite roblox callofduty assassin warcraft worldofwarcraft counterstrike playstation xbox nintendo gandalf frodo
hobbit hogwarts harrypotter potter hermione voldemort gameofthrones walter naruto sasuke goku dragonball asterix
obelix tintin simba nemo mickey minnie donald pluto goofy barbie hellokitty snoopy garfield scooby winnie tigger
michael jessica jennifer thomas jordan hunter charlie andrew michelle daniel joshua matthew robert anthony ashley
nicole amanda joseph william richard george david james john peter paul mark steven brian kevin jason justin brandon
ryan taylor austin tyler alexander alexandra alex max sam samantha sarah sara anna anne maria emma olivia sophia
isabella mia charlotte amelia harper evelyn abigail emily elizabeth victoria natalie hannah rachel laura lauren megan
stephanie melissa heather rebecca christine christina patrick sean oliver jack harry oscar leo noah liam lucas mason
ethan logan jackson aiden jean pierre jacques philippe nicolas julien camille lea manon chloe ines jade louise alice
lina juliette lola zoe clara eva romane lucie pauline mathilde marion charlene aurelie sandrine nathalie isabelle
sylvie catherine francoise monique martine christian bernard alain michel gerard eric stephane laurent olivier
sebastien christophe frederic bruno didier thierry pascal antoine maxime alexandre romain quentin valentin benjamin
florian clement hugo theo enzo nathan mathis louis arthur gabriel raphael jules adam martin dubois petit durand leroy
moreau simon mohamed ahmed fatima ali omar ibrahim yasmine karim nadia samir rachid carlos juan jose luis miguel pedro
sofia lucia carmen pablo diego fernando andrea giulia marco luca francesco giuseppe alessandro matteo smith johnson
williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson anderson london londres
newyork chicago boston dallas houston texas florida california hollywood lasvegas america american usa canada quebec
montreal toronto france francais francaise french english england angleterre scotland ireland irish germany allemagne
deutschland berlin italy italie italia roma rome spain espagne madrid portugal belgique bruxelles suisse geneve
bordeaux toulouse nantes strasbourg lille nice rennes bretagne normandie corse provence afrique maroc algerie tunisie
japan tokyo china india brazil mexico australia sydney world monde earth terre red rouge blue bleu green vert yellow
jaune orange purple pink black noir white blanc grey gray silver argent gold golden diamond diamant crystal cristal
ruby pearl emerald platinum chocolate chocolat vanilla vanille coffee cafe tea cookie cookies candy bonbon sugar sucre
honey miel banana banane pomme cherry cerise strawberry fraise lemon citron peach pepper ginger cheese fromage
camembert baguette croissant pizza burger pasta bread pain butter beurre milk lait wine vin beer biere whisky vodka
tequila water eau bacon sausage potato tomato tomate car voiture ferrari porsche mercedes bmw audi toyota honda nissan
ford mustang camaro corvette chevrolet renault peugeot citroen harley davidson yamaha kawasaki ducati moto motorcycle
truck camion train plane avion boat bateau guitar guitare piano music musique metallica slipknot nirvana beatles
pinkfloyd ironmaiden acdc eminem tupac rihanna beyonce justinbieber onedirection blink rockstar rock metal punk hiphop
dance disco radio trumpet violin drummer mother father mom mum dad mommy daddy maman papa mamie papi brother sister
frere soeur family famille friend friends ami amie amis bestfriend buddy boyfriend girlfriend husband wife mari femme
son daughter enfant enfants child children kids house maison home garden jardin door porte window fenetre kitchen
cuisine bedroom chambre school ecole teacher student college happy heureux happiness bonheur smile sourire funny crazy
fou folle cool sexy beautiful beau belle pretty handsome sweet sweety sweetheart darling money dollar euro million
millionaire rich lucky chance luck fortune magic magique power pouvoir energy freedom liberte liberty justice truth
verite dream reve dreams dreamer life vie vivelavie death mort devil diable satan demon hell enfer ghost fantome
vampire zombie monster monstre killer tueur ninja samurai warrior guerrier soldier soldat captain capitaine major
general sniper gunner bullet hammer thunder tonnerre lightning storm tempete fire feu ice glace snow neige snowball
wind vent fuck fuckyou fuckoff fuckme shit bitch asshole bastard pussy dick cock porn merde putain connard connasse
salope encule bonjour bonsoir salut hello hi hey goodbye aurevoir coucou merci thanks thankyou thank you yes oui no
non ok okay super genial hola ciao hallo howareyou whatever qwertyuiop trustno one trustnoone iamgod blahblah blabla
lalala nanana tata titi toto tutu foobar foo bar baz lorem ipsum loremipsum correcthorsebatterystaple correct battery
staple doctor docteur nurse police fireman pompier pilot pirate cowboy indian viking spartan gladiator trojan titan
legend legende hero heros wizard sorcier merlin excalibur camelot lancelot knight chevalier castle chateau sword
shield video photo image picture pictures film movie cinema television phone telephone mobile tablet mail email
message chatroom alarm alarme lock serrure salon living room bureau office garage entree cave balcon babyphone babycam
doorbell sonnette surveillance visiophone watch regarder voir see eye oeil lens objectif zoom live stream direct zero
two three four five six seven eight nine ten un deux trois quatre cinq sept huit neuf dix cent mille first premier
zaq12wsx zaq1xsw2 1qazxsw2 cde34rfv cde3vfr4 qazwsx edcrfv tgbyhn the my mon ma mes your ton ta tes is est a le la les
du de des and et
"""

KEYBOARDS = {
    "qwerty": ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"),
    "azerty": ("1234567890", "azertyuiop", "qsdfghjklm", "wxcvbn"),
    "qwertz": ("1234567890", "qwertzuiop", "asdfghjkl", "yxcvbnm"),
}
SHORTEST_WALK = 3


def walks() -> Iterator[str]:
    """Along the rows, both ways, from every key; down the columns, one after the other; and both mixed (`q1w2e3`)."""
    for rows in KEYBOARDS.values():
        for row in (*rows[1:], "".join(rows[1:])):
            for line in (row, row[::-1]):
                yield from _pieces(line)
        columns = ["".join(row[at] for row in rows if at < len(row)) for at in range(10)]
        for line in ("".join(columns), "".join(column[::-1] for column in columns)):
            yield from _beginnings(line, step=4)
        for upper, lower in pairwise(rows):
            yield from _beginnings("".join(a + b for a, b in zip(upper, lower, strict=False)))
            yield from _beginnings("".join(b + a for a, b in zip(upper, lower, strict=False)))


def _pieces(line: str) -> Iterator[str]:
    for begin in range(len(line) - SHORTEST_WALK + 1):
        yield from (line[begin:end] for end in range(begin + SHORTEST_WALK, min(len(line), begin + 12) + 1))


def _beginnings(line: str, step: int = 1) -> Iterator[str]:
    return (line[:end] for end in range(4, len(line) + 1, step))


def entries() -> list[str]:
    """All, sorted, without accents."""
    folded = "".join(one for one in unicodedata.normalize("NFKD", BY_HAND) if not unicodedata.combining(one))
    return sorted({*folded.split(), *walks()})


def text() -> str:
    """The file."""
    return "# Made by tests/common_words.py; what is made of these words is too easy to guess, too.\n" + "".join(
        f"{one}\n" for one in entries()
    )


if __name__ == "__main__":
    WORDS.write_text(text(), "utf-8")
