"""What every worker needs: devices, threads, memory."""
