"""What an archive will take, before it is begun: its files are probed, some are sampled, the rest is arithmetic."""
