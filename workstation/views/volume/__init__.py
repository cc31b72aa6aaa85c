"""The Volume screen and the mask editor."""
