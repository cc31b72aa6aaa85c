"""CT angiography from non-contrast CT: generator, registration, discriminator and refiner."""
