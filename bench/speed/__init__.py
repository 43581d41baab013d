"""`mln-bench speed`: how fast each design trains a population, all measured in one run."""
