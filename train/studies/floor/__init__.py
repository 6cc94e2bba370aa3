"""What simple models reach on a clip's statistics: the floor that a head has to beat."""
