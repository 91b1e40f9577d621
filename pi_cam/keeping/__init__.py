"""What a person does with all that a camera remembers: keep a copy of it, bring it back, or have it forgotten."""
