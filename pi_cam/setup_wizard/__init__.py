"""What a person does once, with the camera in the hand: its steps, and the network it joins."""
