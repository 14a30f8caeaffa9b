import { isAwsError } from '#platform/aws-errors.ts'

/** Runs a conditional write. @returns false when the item was not as the condition demands */
export async function ifConditionHolds(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write()
    return true
  } catch (error) {
    if (isAwsError(error, 'ConditionalCheckFailedException')) return false
    throw error
  }
}
