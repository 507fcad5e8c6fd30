"""The pages people are shown, as values; long lists are capped here and complete in the run folder.

Each function turns values into a :data:`batch.console.View`, or, where its name ends in ``data``, into JSON-ready ones.
"""
