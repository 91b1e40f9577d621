"""What the device and the portal have in common about journals. Knows neither of them."""
