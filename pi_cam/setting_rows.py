"""All settings, a row each: what is added here appears in the API, the page, the environment and `docs/settings.md`."""

from __future__ import annotations

from pi_cam.setting import Setting

PIN = r"(GPIO([0-9]|1[0-9]|2[0-7])|gpiochip[0-9]{1,2}/[0-9]{1,3})?"
"""Of the forty on the header of a Raspberry Pi, by the names of its documentation; of other chips by device and line."""

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "source",
        "The machine's own camera",
        "camera:",
        "The camera's address, where `--source` does not say it (and no process list shows it).",
        restart=True,
        secret=True,
        operator=True,  # an address of the operator may be on this machine; one from the API must be checked in full
    ),
    Setting(
        "language",
        "Language",
        "en",
        "The language of the pages for who chose none, and whose browser asks for none of them: en or fr.",
        choices=("en", "fr"),
        at_portal="shown",
    ),
    Setting(
        "time_zone",
        "Time zone",
        "",
        "The zone in which the pages show moments, such as Europe/Paris. Empty: that of each browser.",
        pattern=r"([A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2})?",
        at_portal="shown",
    ),
    Setting(
        "viewers_max",
        "Viewers at once",
        8,
        "Most people who may watch at once; one more is told to come back later. From one address of "
        "your network at most three quarters of them.",
        1,
        100,
        at_portal="edited",
    ),
    Setting(
        "connect_seconds",
        "Seconds to connect",
        12.0,
        "A viewer whose connection is not up by then is let go.",
        1,
        60,
        at_portal="edited",
    ),
    Setting(
        "grace_seconds",
        "Seconds open after the last viewer",
        5.0,
        "How long the camera stays open after the last viewer has left.",
        0,
        600,
        restart=True,
        at_portal="edited",
    ),
    Setting(
        "announce",
        "Found at home by name",
        True,
        "Whether devices in the home's network find this camera as pi-cam.local, and in their lists of devices.",
        restart=True,
        at_portal="shown",
    ),
    Setting(
        "updates",
        "Updates by themselves",
        True,
        "Whether the camera looks once a day for a newer version of pi-cam, and installs it while nobody watches.",
    ),
    Setting(
        "updates_hour",
        "Hour of the updates",
        3,
        "The hour of the day in which it does that, at a minute of its own, by the camera's time zone.",
        0,
        23,
    ),
    Setting(
        "updates_address",
        "Where updates lie",
        "",
        "The folder at a web host that updates of this camera come from, such as https://example.org/pi-cam/. Only what is "
        "signed by a key that this camera trusts is installed. Empty: none is looked for.",
        pattern=r"(https?://[!-~]+)?",
    ),
    Setting(
        "button_pin",
        "Button",
        "",
        "The pin of a push button to ground, such as GPIO17 (of an adapter at a PC: gpiochip0/17): a short press stops or "
        "starts the camera, one of three seconds turns privacy on or ends it. Empty: there is none.",
        restart=True,
        pattern=PIN,
        at_portal="shown",
    ),
    Setting(
        "reset_hold_seconds",
        "Seconds to hold the button for a reset",
        10,
        "Held for so long while the power comes back, until the light flickers, and then let go: the camera forgets all, "
        "and is as new. 0: the button never does that.",
        0,
        60,
        restart=True,
        at_portal="shown",
    ),
    Setting(
        "light_pin",
        "Light",
        "",
        "The pin of a lamp, such as GPIO27: lit while somebody watches, two flashes for privacy. Empty: there is none.",
        restart=True,
        pattern=PIN,
        at_portal="shown",
    ),
    Setting(
        "ice_servers",
        "STUN servers",
        "",
        "STUN servers, separated by spaces, such as stun:stun.example.org:3478. None by default.",
        pattern=r"(stun:([\w.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?( +|$))*",
        at_portal="shown",
    ),
    Setting(
        "latency",
        "Delay",
        "smooth",
        "smooth: browsers even out what comes late, which costs some 20 ms. low: each picture is shown as soon as it is "
        "there, and what comes late is seen. It counts for whoever comes from then on.",
        choices=("smooth", "low"),
        at_portal="shown",
    ),
    Setting(
        "adaptive",
        "Adapting to weak connections",
        True,
        "Whether the picture's bit rate follows what viewers' connections carry, and who is far behind the others gets the "
        "small rendition, or a picture now and then. no: everybody gets everything, however little arrives.",
        at_portal="shown",
    ),
    Setting(
        "webrtc_sender",
        "Sending pictures",
        "shared",
        "How browsers get their pictures. shared: packets are made once for all viewers; plain: by the library's own, "
        "anew for each viewer, at several times the cost. For finding faults; it counts for whoever comes from then on.",
        choices=("shared", "plain"),
        at_portal="shown",
    ),
    Setting(
        "session_hours",
        "Hours signed in",
        720.0,
        "How long a person stays signed in on a device that is in use.",
        1,
        8760,
        restart=True,
        at_portal="shown",
    ),
    Setting(
        "tunnel_host",
        "Public name",
        "",
        "The public name under which a tunnel leads here, such as camera.example.org.",
        pattern=r"([a-z0-9-]+\.)+[a-z0-9-]+|",
        at_portal="shown",
    ),
    Setting(
        "tunnel",
        "Tunnel",
        "off",
        "The tunnel that pi-cam keeps up with the program cloudflared, by which people come in from the Internet without an "
        "open port: named (with its credentials file), token (with its token file), quick (for trying, under another name "
        "at each start), or off. It leads to --tunnel-port; docs/tunnel.md says how to make one.",
        choices=("off", "named", "token", "quick"),
        local_to_leave="off",
        at_portal="shown",
    ),
    Setting(
        "tunnel_program",
        "The tunnel's program",
        "cloudflared",
        "The program cloudflared, by its name or its path.",
        restart=True,
        operator=True,  # it is run
    ),
    Setting(
        "tunnel_socket",
        "The tunnel's socket",
        "",
        "The socket of a unit in which the tunnel's program runs with fewer rights than pi-cam (pi-cam-tunnel.socket). "
        "Without one it runs beside pi-cam.",
        restart=True,
        operator=True,
    ),
    Setting(
        "tunnel_credentials",
        "The tunnel's credentials file",
        "",
        "The path of a named tunnel's credentials file. Without one: tunnel/credentials.json in the data folder.",
        restart=True,
        operator=True,  # any file could be named, and what is wrong with it is told
    ),
    Setting(
        "tunnel_token_file",
        "The tunnel's token file",
        "",
        "The path of the file that holds a tunnel's token. Without one: tunnel/token in the data folder.",
        restart=True,
        operator=True,
    ),
    Setting(
        "portal_lock",
        "Second lock",
        "configure",
        "What a person who comes from the portal may do only after signing in with a password or a passkey of this camera "
        "itself: configure, also control, also talk, or none of it.",
        choices=("configure", "configure,control", "configure,talk", "configure,control,talk", "none"),
        at_portal="shown",
    ),
    Setting(
        "relay_only",
        "By relay only",
        "nobody",
        "Who, coming through the tunnel, gets pictures and sound over a relay of the portal only, and so does not learn "
        "this home's address on the Internet: nobody, guests, or others (everybody but the owner).",
        choices=("nobody", "guests", "others"),
    ),
    Setting(
        "behind_proxy",
        "Behind nginx",
        False,
        "Whether nginx on this machine ends TLS in front of `--port` (deploy/nginx). "
        "Then cookies are Secure, and the address that nginx saw counts in slowing down guesses.",
        restart=True,
        operator=True,  # said through a plain connection, it would take away the cookie of whoever said it
    ),
    Setting(
        "security_contact",
        "Contact for security",
        "",
        "Where faults are reported: mailto:, https: or tel:. It stands in /.well-known/security.txt.",
        pattern=r"((mailto:|https://|tel:)[^\s]+)?",
        at_portal="shown",
    ),
    Setting(
        "microphone",
        "Microphone",
        "auto",
        "What is heard of the machine's own camera: auto (the sound that it brings itself; with a camera on the ribbon "
        "cable the system's microphone), a device's name as the doctor shows it, or off: nothing, of any camera.",
        restart=True,
        local_to_leave="off",
        at_portal="shown",
    ),
    Setting(
        "loudspeaker",
        "Loudspeaker",
        "auto",
        "Where people who talk are heard: auto (the system's loudspeaker), off, or a device's name as the doctor shows it.",
        local_to_leave="off",
        at_portal="shown",
    ),
    Setting(
        "microphone_gain_db",
        "Microphone gain",
        0.0,
        "Decibels added to what the microphone hears.",
        -40,
        40,
        at_portal="edited",
    ),
    Setting(
        "loudspeaker_gain_db",
        "Loudspeaker volume",
        0.0,
        "Decibels added to what people say.",
        -60,
        20,
        at_portal="edited",
    ),
    Setting(
        "microphone_muted",
        "Microphone muted",
        False,
        "Nobody hears anything. It can be turned off again in the local network only.",
        local_to_leave=True,
        at_portal="shown",
    ),
    Setting(
        "loudspeaker_muted",
        "Loudspeaker muted",
        False,
        "Nothing that people say is played. It can be turned off again in the local network only.",
        local_to_leave=True,
        at_portal="shown",
    ),
    Setting(
        "echo_cancelling",
        "Echo cancelling",
        "auto",
        "auto takes the loudspeaker's sound out of what the microphone hears; "
        "off lowers the microphone while somebody talks.",
        choices=("auto", "off"),
        at_portal="edited",
    ),
    Setting(
        "noise_suppression",
        "Noise suppression",
        True,
        "Whether steady noise is taken out of what the microphone hears.",
        at_portal="edited",
    ),
    Setting(
        "talk_several",
        "Several may talk",
        False,
        "Whether several people may talk at once, instead of one at a time.",
        at_portal="edited",
    ),
    Setting(
        "log_level",
        "Log level",
        "info",
        "How much is logged.",
        choices=("debug", "info", "warning", "error"),
        at_portal="edited",
    ),
    Setting(
        "journal_days", "Days in the journal", 365, "How many days the journal remembers.", 1, 3650, at_portal="shown"
    ),
    Setting(
        "journal_rows_max",
        "Rows in the journal",
        100_000,
        "How many rows the journal keeps; the oldest go first.",
        1000,
        500_000,
        at_portal="shown",
    ),
)
