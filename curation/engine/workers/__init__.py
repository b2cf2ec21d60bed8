"""Other processes, or other machines, that compute for a run."""
