"""Random nights: what tired people do to a company, one thing after the other, through the real commands, and what must hold after each."""
