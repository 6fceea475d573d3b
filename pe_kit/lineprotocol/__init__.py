"""Line protocol: text to rows and columns, and back."""
