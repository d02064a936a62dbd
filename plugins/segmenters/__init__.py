"""In-tree segmenter plugins; a file here is found by itself, a name that starts with _ is a shared sibling."""
