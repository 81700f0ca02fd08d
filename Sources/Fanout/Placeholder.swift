enum FanoutPlaceholder {}
