"""What this device says to the outside by itself: to the portal it is paired with, and to nobody else."""
