import { afterAll } from 'vitest'
import { killLeftProcesses } from './started-processes.ts'

afterAll(killLeftProcesses)
