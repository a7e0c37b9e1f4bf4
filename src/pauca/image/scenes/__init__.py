"""Which blocks of a picture are graphics; for encoders alone, streams say what was done."""
