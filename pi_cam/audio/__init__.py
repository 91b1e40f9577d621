"""Sound of this device: its microphone, its loudspeaker, and what lies between them."""
