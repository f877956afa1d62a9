"""What every floor may use: errors, argument checks and seeding."""
