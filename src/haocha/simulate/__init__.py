"""云岫市, a plainly fictional city, and the people who are served there: registry rows, service records and ratings.

Everything is a function of a seed and a date, so a second run repeats the first: what is in already is a duplicate.
"""
