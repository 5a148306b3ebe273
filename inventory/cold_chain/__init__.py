"""The cold chain: when a place was too warm or too cold for too long, judged in event time; and what that did."""
