"""How fast this provider is, measured beside its peers. Run by ``make bench``."""
