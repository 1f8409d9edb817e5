"""A results folder: paths, records, files and the marks of what they were made from."""
