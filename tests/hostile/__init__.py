"""Input from strangers, answers from strangers, and what must not come out whatever they do."""
