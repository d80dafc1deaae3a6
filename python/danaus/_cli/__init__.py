"""What the command line is made of. Private; :mod:`danaus.cli` is the way in."""
