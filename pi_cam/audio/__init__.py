"""Sound: the device's microphone and loudspeaker, and everything between them and the packets."""
