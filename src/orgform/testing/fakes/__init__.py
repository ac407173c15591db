"""Stateful fakes of real platforms, for tests without them: one module each, with `example()` for the folder in examples/platforms."""
