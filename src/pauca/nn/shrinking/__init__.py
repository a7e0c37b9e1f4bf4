"""`pauca shrink`: a recipe of passes and weight coding, searched for under a bound of accuracy.

A recipe is a list of steps: passes (`pauca.nn.passes`) and `code`, which quantizes the weights and
says how finely. A trial is a recipe with every number filled in; it is run once, measured on the
network that its coded stream decodes to, and written to a journal, so that a search that was
killed goes on where it was. `plan` says which trials there are, `search` walks them, `workshop`
makes and measures them.
"""
