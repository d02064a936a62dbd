"""The conformance kit: a contract for every kind of plugin; a test class that names its plugin is a whole test."""
