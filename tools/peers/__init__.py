"""The contenders of bench_peers_cpu.py: a file each, behind one protocol."""
