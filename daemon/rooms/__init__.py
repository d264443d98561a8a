"""What the page needs beyond the show: previews, pictures, clips, devices, newcomers. `house.House` joins them."""
