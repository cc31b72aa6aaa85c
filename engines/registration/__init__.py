"""Registration of retinal images across modalities, by keypoints on vessel bifurcations."""
