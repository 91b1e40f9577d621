"""People's accounts: signing up and in, second factors, where they are signed in, taking it along, ending it."""
