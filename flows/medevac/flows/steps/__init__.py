"""The steps that recovery flows are assembled from: each is one TaskFlow task."""
