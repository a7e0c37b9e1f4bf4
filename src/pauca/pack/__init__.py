"""Model packs: trained networks and integer tables, found by name or by the id that a stream
carries.
"""
