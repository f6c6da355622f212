"""The exercises of each lesson: tested solutions, cases, named mistakes, hints."""
