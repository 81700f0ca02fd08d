enum TickRingPlaceholder {}
