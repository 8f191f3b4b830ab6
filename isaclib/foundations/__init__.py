"""What the chapters share: units, channels, Fisher information, certificates, searches, cones, draws, plots."""
