"""Benchmarks run beside each other in one process; read the ratios, not the seconds: machines are shared and noisy."""
