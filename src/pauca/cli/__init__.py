"""The command `pauca`: one file per verb, heavy imports inside the verbs."""
