"""Sentences that a server says in English and that the pages show in the person's language.

With placeholders where the server puts a number or an address: `texts.translator` and the player recognise the sentence by
what stands around them. One that is missing here is shown in English.
"""

SENTENCES = (
    # Signing in and setting up
    "The name or the password is wrong.",
    "Too many attempts. Wait a moment, then try again.",
    "Sign in first.",
    "This form is out of date: load the page again.",
    "This request comes from another site.",
    "This camera has an owner already.",
    "The setup code is wrong. It stands in the terminal where pi-cam was started.",
    "A name has 1 to 64 characters.",
    "A password has at least %(count)s characters; a short sentence is a good one.",
    "A password has at most %(count)s characters.",
    "This password is too easy to guess; a short sentence is a good one.",
    # Why a camera shows nothing
    "The camera at %(place)s does not answer.",
    "The camera at %(place)s refuses the connection.",
    "The camera at %(place)s shows a certificate that is not its own.",
    "There is no host named %(host)s.",
    "The camera sends no pictures any more.",
    "The camera stopped delivering pictures; it is opened again.",
    "The camera refuses this name or password.",
    "The camera answers, but there is no stream at this path.",
    "This address answers, but with nothing that can be shown as pictures.",
    "The camera sends us on to another address, which is not followed.",
    "The camera went silent.",
    "The camera ended the connection.",
    "Reading this camera failed in a way that was not foreseen.",
    "This camera answers, but sends no pictures.",
    "This camera sends %(format)s, which cannot be decoded here.",
    "This camera sends %(format)s pictures, which cannot be shown.",
    "This camera failed in a way that was not foreseen; the log says more.",
    "A camera cannot be at this machine's own address.",
    "The camera gave no picture in time.",
    "This camera is stopped.",
    "There is no such camera.",
    "As many people watch as this camera allows. Try again in a moment.",
    # Pages of errors
    "Bad Request",
    "Forbidden",
    "Not Found",
    "Method Not Allowed",
    "Conflict",
    "Too Many Requests",
    "Internal Server Error",
    "Service Unavailable",
    "This address is closed.",
    # The web framework's own, which the English catalogue says better
    "The requested URL was not found on the server. "
    "If you entered the URL manually please check your spelling and try again.",
    "The method is not allowed for the requested URL.",
    "The data value transmitted exceeds the capacity limit.",
    "Something went wrong here. The log of the camera says more.",
)
