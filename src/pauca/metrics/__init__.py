"""How far a reconstruction is from its original, and how two codecs' curves compare."""
