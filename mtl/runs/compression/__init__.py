"""``mtl compress``: steps that make a trained network smaller or faster, and what each costs."""
