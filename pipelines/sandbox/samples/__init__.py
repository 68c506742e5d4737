"""Sample CRMs: seeded people who do not exist, all under the reserved top-level domain `.example`."""
