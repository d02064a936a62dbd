"""The audit of a data set under a protocol: leaks from gallery to query, and identities that look wrong."""
