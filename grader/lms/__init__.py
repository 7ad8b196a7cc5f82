"""Export marks to a learning management system (LMS), and read its lists of students."""
