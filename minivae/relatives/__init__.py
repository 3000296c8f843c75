"""Models that are solved exactly, or by hand: what a VAE can be compared with.

linear_gaussian, mixture, clutter   with exact answers
skills                              TrueSkill with a home advantage
"""
