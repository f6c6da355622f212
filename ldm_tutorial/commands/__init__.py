"""One file for each command of `ldm`; each has a `main(arguments)`."""
