"""The simulated hospital: every real part of the product on one machine, with simulated silicon at its edge."""
