"""The methods that the paper compares AEVB with: wake-sleep and Monte Carlo EM."""
