"""A grid as jobs on other machines: the tasks and what each waits for, the files of a run, who drives it, who works."""
