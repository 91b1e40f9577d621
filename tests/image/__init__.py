"""The flashable image, built, looked at and booted."""
