"""Training a local matcher by self-supervision: warped views of one photograph, whose true matches are known."""
